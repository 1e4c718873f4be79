"""Folders, locks and whole files, made safely and flushed; what is in them is other folders' business."""
