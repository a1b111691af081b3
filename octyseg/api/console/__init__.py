"""The console: what there is and why, in a browser. It changes nothing; verbs and routes of /v2 do."""
