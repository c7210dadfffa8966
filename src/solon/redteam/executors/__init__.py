"""Where attempts are made: in this process, overlapped, in many processes, on a Ray cluster. Results are the same."""
