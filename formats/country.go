package formats

import (
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// country returns the two-letter code of ISO 3166 for a country given as a code of
// two or three letters or by its name. It returns anything else unchanged.
func country(given string) string {
	name := strings.ToLower(strings.ReplaceAll(given, ".", ""))
	if region, err := language.ParseRegion(name); err == nil && region.IsCountry() {
		return region.Canonicalize().String()
	}
	if code, ok := countryNames()[strings.TrimPrefix(name, "the ")]; ok {
		return code
	}
	return given
}

// countryNames returns the codes of the countries by their lower-case names, in the
// languages of most forms. The first call builds the map.
var countryNames = sync.OnceValue(func() map[string]string {
	names := map[string]string{
		"united states of america": "US", "america": "US", // the tables have only "United States"
		"great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB",
	}
	for _, tongue := range []language.Tag{language.English, language.Spanish, language.French, language.German} {
		in := display.Regions(tongue)
		for region := range countries {
			if name := in.Name(region); name != "" {
				names[strings.ToLower(name)] = region.Canonicalize().String()
			}
		}
	}
	return names
})

// countries yields every region of two letters that is a country.
func countries(yield func(language.Region) bool) {
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			region, err := language.ParseRegion(string([]rune{a, b}))
			if err == nil && region.IsCountry() && !yield(region) {
				return
			}
		}
	}
}
