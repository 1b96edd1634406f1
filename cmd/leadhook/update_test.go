package main

import "flag"

// update is for tests that compare a file with what it is made of.
var update = flag.Bool("update", false, "write the files again that are made from code")
