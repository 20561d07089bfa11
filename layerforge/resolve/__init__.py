"""Project -> Lock."""
