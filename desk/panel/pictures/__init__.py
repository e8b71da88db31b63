"""Pictures of a run, composed off the screen: `presets` their sizes and colours, `paper` what is painted on, `scene`
what is told, `frame` what surrounds it; a module for each kind of body; `composing` puts them together,
`making` gives PNG and PDF, and `pdf` puts the latter in order.

The window has no say in them, nor the screen, the desktop, the locale or the clock: the same run, preset, version and
language of the window's words give the same pixels.
"""
