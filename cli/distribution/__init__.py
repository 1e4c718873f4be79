"""Images in and out: archives, layouts, and what a store makes of them."""
