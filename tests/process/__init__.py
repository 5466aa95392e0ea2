"""Real processes: killed at any instant, started twice, with tasks that die."""
