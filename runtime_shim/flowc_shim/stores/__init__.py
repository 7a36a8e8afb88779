"""State stores: where records, attempts and blobs of a run live."""
