"""The reader between search and model: it reads question and passage together and says whether the one answers the
other."""
