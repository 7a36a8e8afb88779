"""The flow language: values, paths, conditions and expressions. The checker uses it too."""
