"""Dependencies: their locks, licences and known vulnerabilities, and what a release holds."""
