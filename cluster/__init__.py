"""CiteWell on a Ray cluster: building, answering and batches. This is the only package that imports ray."""
