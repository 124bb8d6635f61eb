"""From engine events to stored results and Discord messages, with retries."""
