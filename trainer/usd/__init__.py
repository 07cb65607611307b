"""USD: stages written as samples come, an actor and weight curves read and written."""
