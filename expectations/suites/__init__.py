"""The rules, by what they are about: a manifest, shortcuts and the mix, predictions."""
