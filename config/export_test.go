package config

import "flag"

// Update makes the tests rewrite golden files and docs/settings.md.
var Update = flag.Bool("update", false, "rewrite golden files and docs/settings.md")
