"""The one door out: requests to providers, in turn, within their time, to addresses that are allowed."""
