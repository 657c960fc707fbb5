"""What every part of CiteWell shares: settings, errors, safe files, sentence spans. Imports nothing of the rest."""
