package formats

import (
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// country is ISO 3166's code of two letters for a country given as a code of
// two or three letters, or by its name; everything else stays as it was given.
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

// countryNames has the countries by their small-letter names in the languages
// that forms are mostly filled in. It is made when it is first needed.
var countryNames = sync.OnceValue(func() map[string]string {
	names := map[string]string{
		"united states of america": "US", "america": "US", // beside the "United States" of the tables
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
