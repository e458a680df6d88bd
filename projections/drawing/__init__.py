"""Drawing: a graph as a diagram, through langchain-core's `Graph`.

    shape.py      what a drawing needs to know of a graph; the builder fills it
    edges.py      which edges a drawing shows, and in what order
    drawing.py    from a shape to a `DrawableGraph`
    marks.py      how far a thread has come in its graph
    layout.py     where boxes stand; text.py and svg.py draw them

Only `drawing` needs langchain-core; it is imported when somebody asks for a diagram.
"""
