"""What `easel bench` and `easel eval` measure, and how; nothing but those two commands loads it."""
