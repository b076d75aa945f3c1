"""The reference product's web side: sign-up form, trial API and call page."""
