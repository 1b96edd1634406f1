package config

import "flag"

// Update makes the tests write golden files and docs/settings.md anew.
var Update = flag.Bool("update", false, "write golden files and docs/settings.md anew")
