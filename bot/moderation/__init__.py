"""Who judges words and pictures: an endpoint, a classifier, a host's own program. `rows` has one row for each."""
