"""What an outsider can check: records, frameworks as data, incidents, claims and reports over one ledger."""
