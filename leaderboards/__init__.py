"""Tables, submissions and the site."""
