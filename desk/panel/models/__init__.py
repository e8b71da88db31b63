"""The Models view: every model from the smallest to the largest, what has become of it here, and what can be done.

`rows` says what stands in a line, `told` what there is to say about one model; these two know no Qt. `work` starts the
jobs and hears them, `table` is the list with its `columns` and painted `lines`, `detail` the card beside it, `asking`
the strip that asks and tells. `lanes` is the box of the lanes that memory is planned for, `giving` gives a model to a
tier, `bringing` takes in one of the user's own. `view` is the page.
"""
