"""The tar format, both ways; what a layer's tar means is said in layers."""
