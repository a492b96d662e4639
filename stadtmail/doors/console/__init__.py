"""The door of the operator: `stadtmail` with its verbs, and the processes of `stadtmail serve`."""
