"""Programs that the worker starts to handle what strangers made: chat templates, images, sounds. Each runs by itself, within limits.

They are started as files, without the package around them: what is not imported costs no memory, and has nothing to be taken.
"""
