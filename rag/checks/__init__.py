"""Text -> verdicts: citations, support, caveats, quotations, emergencies."""
