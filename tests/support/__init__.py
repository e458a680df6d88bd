"""What several tests share: fakes at the outer edge, pytest plug-ins, helpers. Never imported by clew."""
