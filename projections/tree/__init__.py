"""The merged tree of a view, one path of it or all, at any point of history; what differs between two is diff's."""
