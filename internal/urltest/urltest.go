// Package urltest has URLs that webhooks must not have, and some that they may have, for
// the tests of all packages that judge them.
package urltest

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed urls.txt
var table string

// Kinds are the kinds of URLs in urls.txt, which says what each means.
var Kinds = []string{"host", "form", "address", "dialled", "good"}

// Of returns the URLs of a kind. Those of the kind "dialled" are addresses. It panics if
// urls.txt is malformed.
func Of(kind string) []string {
	var all []string
	for line := range strings.SplitSeq(table, "\n") {
		raw, ok := strings.CutPrefix(line, kind+" ")
		if !ok {
			continue
		}
		u, err := strconv.Unquote(`"` + strings.ReplaceAll(raw, `"`, `\"`) + `"`)
		if err != nil {
			panic(fmt.Sprintf("urltest: %v: %s", err, line))
		}
		all = append(all, u)
	}
	return all
}
