package formats_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/formats"
	"github.com/leadhook/leadhook/lead"
)

// vehiclesOf returns the vehicles of a lead with that form, each on a line: the interest,
// the status if there is one, and what is known.
func vehiclesOf(t *testing.T, form string) string {
	t.Helper()
	return shownVehicles(adfOf(t, inLead(`"event_type":"form","form":`+form)))
}

func shownVehicles(prospect *node) string {
	var lines []string
	for _, vehicle := range prospect.kids {
		if vehicle.name != "vehicle" {
			continue
		}
		var line strings.Builder
		line.WriteString(vehicle.attrs["interest"])
		if status, ok := vehicle.attrs["status"]; ok {
			line.WriteString(" " + status)
		}
		for _, part := range vehicle.kids {
			if part.text != "Unknown" {
				line.WriteString(" " + part.name + "=" + part.text)
			}
		}
		lines = append(lines, line.String())
	}
	return strings.Join(lines, "\n")
}

func TestTradeIn(t *testing.T) {
	const car = `"year":"2003","make":"Honda","model":"Accord"`
	for _, tc := range []struct{ name, form, want string }{
		{"by the form's name", `{"extra_fields":{"form_name":"Value Your Trade",` + car + `}}`,
			"trade-in year=2003 make=Honda model=Accord"},
		{"by the name of its fields", `{"extra_fields":{"stock_number":"T26123","trade_year":"2018","trade_make":"Toyota","trade_model":"Corolla"}}`,
			"buy stock=T26123\ntrade-in year=2018 make=Toyota model=Corolla"},
		{"beside the wanted one", `{"extra_fields":{` + car + `,"trade_in_year":2018.0,"trade_in_make":"Toyota"}}`,
			"buy year=2003 make=Honda model=Accord\ntrade-in year=2018 make=Toyota"},
		{"beside the wanted one in a form about it", `{"subject":"Trade-in","extra_fields":{` + car + `,"trade_in_year":2018}}`,
			"buy year=2003 make=Honda model=Accord\ntrade-in year=2018"},
		{"alone", `{"extra_fields":{"tradeInVin":"V1","Trade-In Trim":"LX","trade in stock #":"S1","tradein_vehicle_model":"Corolla"}}`,
			"trade-in model=Corolla vin=V1 stock=S1 trim=LX"},
		{"as an object", `{"extra_fields":{"vehicle":{"make":"Kia"},"trade_in":{"Year":2018,"make":"Toyota"}}}`,
			"buy make=Kia\ntrade-in year=2018 make=Toyota"},
		{"the customer's vehicle by other names", `{"extra_fields":{"currentVehicleYear":2018,"appraisal_make":"Toyota","vehicle_trade_model":"Yaris"}}`,
			"trade-in year=2018 make=Toyota model=Yaris"},
		{"to be serviced, by the form's name", `{"extra_fields":{"form_name":"ServiceAppointment",` + car + `}}`, "buy"},
		{"to be serviced, by the subject", `{"subject":"Schedule a service: oil change","extra_fields":{` + car + `,"desired_make":"Kia"}}`, "buy make=Kia"},
		{"customer service is no service of a vehicle", `{"subject":"Customer service","extra_fields":{` + car + `}}`, "buy year=2003 make=Honda model=Accord"},
		{"a stock number is a dealer's", `{"extra_fields":{"form_name":"Trade Appraisal","stock":"S1",` + car + `}}`,
			"buy stock=S1\ntrade-in year=2003 make=Honda model=Accord"},
		{"the wanted one by its own names", `{"subject":"Trade-In","extra_fields":{"desired_make":"Kia","Vehicle of interest model":"Rio",` + car + `}}`,
			"buy make=Kia model=Rio\ntrade-in year=2003 make=Honda model=Accord"},
		{"a form about it that knows no vehicle", `{"name":"Trade-in","extra_fields":{"comment":"x"}}`, "trade-in"},
		{"no more than a yes", `{"extra_fields":{"trade_in":"Yes","trade_in_value":"5000",` + car + `}}`,
			"buy year=2003 make=Honda model=Accord"},
		{"only its condition", `{"extra_fields":{"trade_condition":"used"}}`, "buy"},
		{"empty fields", `{"extra_fields":{` + car + `,"trade_year":"","trade_make":null,"trade_model":" "}}`,
			"buy year=2003 make=Honda model=Accord"},
		{"each has its condition", `{"extra_fields":{` + car + `,"condition":"new","trade_year":2018,"trade_condition":"used"}}`,
			"buy new year=2003 make=Honda model=Accord\ntrade-in used year=2018"},
		{"the condition of the customer's", `{"subject":"Appraisal","extra_fields":{` + car + `,"condition":"used","stock":"S1"}}`,
			"buy stock=S1\ntrade-in used year=2003 make=Honda model=Accord"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, vehiclesOf(t, tc.form)); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

func TestTitlesOfForms(t *testing.T) {
	for title, tradeIn := range map[string]bool{
		"Value Your Trade": true, "VALUE YOUR TRADE!": true, "ValueYourTrade": true, "value-my-trade": true,
		"Trade-In": true, "trade in": true, "TradeIn": true, "tradein": true, "trade_in_form": true, "TradeInForm": true,
		"What is my trade-in worth?": true, "Trade-Ins": true, "Trade evaluation": true, "Trade Value Request": true,
		"Appraisal": true, "Online appraisals": true, "Appraise my car": true, "KBB_Appraisal_2": true, "Café trade-in": true,

		"": false, "Contact us": false, "Is this one available?": false, "trade industry news": false, "Trade": false,
		"Traded, in stock": false, "appraisingly": false, strings.Repeat("x ", 200) + "trade-in": false,
	} {
		for _, where := range []string{
			`{"subject":%q,"extra_fields":{"make":"Kia"}}`, `{"name":%q,"extra_fields":{"make":"Kia"}}`,
			`{"form_name":%q,"extra_fields":{"make":"Kia"}}`, `{"extra_fields":{"Form Title":%q,"make":"Kia"}}`,
			`{"extra_fields":{"make":"Kia","subject":%q}}`, `{"extra_fields":[{"name":"form","value":%q},{"name":"make","value":"Kia"}]}`,
		} {
			want := "buy make=Kia"
			if tradeIn {
				want = "trade-in make=Kia"
			}
			if got := vehiclesOf(t, fmt.Sprintf(where, title)); got != want {
				t.Errorf("form %s: got %q, want %q", fmt.Sprintf(where, title), got, want)
			}
		}
	}
}

func TestVehicleStatus(t *testing.T) {
	for condition, want := range map[string]string{
		`"Used"`: " used", `"used"`: " used", `"USED - good"`: " used", `"Pre-Owned"`: " used", `"preowned"`: " used",
		`"Certified Pre-Owned"`: " used", `"CPO"`: " used", `"Second hand"`: " used", `"UsedCar"`: " used",
		`"New"`: " new", `"NEW "`: " new", `"brand-new"`: " new", `"New vehicle"`: " new",
		`"good"`: "", `"like new"`: "", `"New/Used"`: "", `"new or used"`: "", `"unused"`: "", `""`: "", `null`: "", `true`: "", `["used"]`: "",
	} {
		for _, name := range []string{"condition", "Vehicle Condition", "new_used", "stockType"} {
			form := `{"extra_fields":{"year":"2018","make":"Ford","model":"F-150","` + name + `":` + condition + `}}`
			if got, want := vehiclesOf(t, form), "buy"+want+" year=2018 make=Ford model=F-150"; got != want {
				t.Errorf("%s: got %q, want %q", form, got, want)
			}
		}
	}
}

func TestYearsOfSpreadsheets(t *testing.T) {
	for given, want := range map[string]string{
		`2023.0`: "2023", `"2023.0"`: "2023", `"2023.00"`: "2023", `2023`: "2023", `"2023"`: "2023", `" 2023.0 "`: "2023",
		`2023.5`: "2023.5", `"2023."`: "2023.", `".0"`: ".0", `"MY.0"`: "MY.0", `"'23.0"`: "'23.0", `2.023e3`: "2.023e3",
	} {
		if got := vehiclesOf(t, `{"extra_fields":{"year":`+given+`}}`); got != "buy year="+want {
			t.Errorf("year %s: got %q, want %q", given, got, want)
		}
	}
	// A model is a name, and only a number loses its fraction.
	if got := vehiclesOf(t, `{"extra_fields":{"make":911.0,"model":"3.0"}}`); got != "buy make=911 model=3.0" {
		t.Errorf("got %q, want the fraction of the name only", got)
	}
}

// spelled draws a spelling of a field's name.
func spelled(t *rapid.T, words ...string) string {
	separator := rapid.SampledFrom([]string{"", "_", "-", " ", ".", " / "}).Draw(t, "separator")
	for i, word := range words {
		switch rapid.IntRange(0, 2).Draw(t, "case") {
		case 0:
			words[i] = strings.ToUpper(word)
		case 1:
			words[i] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, separator) + rapid.SampledFrom([]string{"", "*", ":", " ?"}).Draw(t, "end")
}

// However its fields are spelled and in whatever order they come, the customer's own vehicle
// is traded in, and the one wanted is bought.
func TestOwnVehicleIsNeverTheOneWanted(t *testing.T) {
	elements := []string{"year", "make", "model", "vin", "trim"}
	rapid.Check(t, func(t *rapid.T) {
		byTitle := rapid.Bool().Draw(t, "by the title")
		fields, own, wanted := []string{}, []string{}, []string{}
		add := func(value string, words ...string) {
			fields = append(fields, asJSON(spelled(t, words...))+":"+asJSON(value))
		}
		for _, element := range rapid.SliceOfNDistinct(rapid.SampledFrom(elements), 1, -1, rapid.ID).Draw(t, "own") {
			own = append(own, "own "+element)
			if byTitle {
				add("own "+element, "vehicle", element)
			} else {
				prefix := rapid.SampledFrom([][]string{{"trade"}, {"trade", "in"}, {"trade", "in", "vehicle"}, {"vehicle", "trade"}}).Draw(t, "prefix")
				add("own "+element, append(slices.Clone(prefix), element)...)
			}
		}
		for _, element := range rapid.SliceOfDistinct(rapid.SampledFrom(elements), rapid.ID).Draw(t, "wanted") {
			wanted = append(wanted, "wanted "+element)
			if byTitle {
				add("wanted "+element, "desired", element)
			} else {
				add("wanted "+element, element)
			}
		}
		if byTitle {
			add(spelled(t, "value", "your", "trade"), "form", "name")
			if strings.Contains(strings.ToLower(fields[len(fields)-1]), "valueyourtrade") {
				t.Skip("nobody sees the words in that")
			}
		}
		event := inLead(`"event_type":"form","form":{"extra_fields":{` + strings.Join(rapid.Permutation(fields).Draw(t, "order"), ",") + `}}`)
		ev, err := lead.Decode([]byte(event))
		if err != nil {
			t.Fatal(err)
		}
		prospect, err := parseADF(formats.Render(ev, &lead.Webhook{Format: lead.ADF}, provider).Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(shownVehicles(prospect), "\n") {
			expected, others := wanted, own
			if strings.HasPrefix(line, "trade-in") {
				expected, others = own, wanted
			}
			for _, value := range expected {
				if !strings.Contains(line, "="+value) {
					t.Errorf("%s: got %q without %q", event, line, value)
				}
			}
			for _, value := range others {
				if strings.Contains(line, "="+value) {
					t.Errorf("%s: got %q with %q", event, line, value)
				}
			}
		}
	})
}
