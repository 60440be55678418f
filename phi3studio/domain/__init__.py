"""Values and decisions of Phi-3 Studio: no I/O, no Qt, no machine learning libraries."""
