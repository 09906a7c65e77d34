"""Discord: threads as sessions, native components, nothing forgotten after a restart."""
