"""What an auditor takes away: who did what and where something occurs, each row made once for tables, CSV, JSON and pages."""
