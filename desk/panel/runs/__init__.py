"""The Runs view: every run that was recorded, what became of it, and up to four beside each other.

`rows` says what stands in a line, `story` reads a recording for its course and its events; these two know no Qt. `work`
does what takes time, `files` carries recordings in and out, `table` is the list, `course` draws runs over time,
`detail` and `beside` are the cards below the list, `recovery` closes what a crash has left, `view` is the page.
"""
