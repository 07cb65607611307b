"""Work for a farm, as Open Job Description templates: nothing here runs or queues anything."""
