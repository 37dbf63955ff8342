"""Files of predictions made elsewhere: a module a form, and the choice among them."""
