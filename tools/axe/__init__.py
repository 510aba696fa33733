"""axe-core over every screen of ours: what people with disabilities cannot use."""
