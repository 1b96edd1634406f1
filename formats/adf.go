package formats

import (
	"cmp"

	"github.com/leadhook/leadhook/lead"
)

// unknown stands where ADF wants a value and the lead has none.
const unknown = "Unknown"

// A prospect is one lead on its way into ADF 1.0, which knows leads by that
// name. The order of everything it writes is ADF's and mandatory.
type prospect struct {
	xmlWriter

	ev     *lead.Event
	hook   *lead.Webhook
	source string // who gives the ids: the provider

	about, contact, call, form object // the lead and its parts
	fields                     object // the form's that ADF has elements for
	advertiser                 object
}

func renderADF(ev *lead.Event, hook *lead.Webhook, provider string) Body {
	p := &prospect{ev: ev, hook: hook, source: cmp.Or(clean(hook.ProviderName), clean(provider))}
	p.about, p.advertiser = read(ev.Lead), read(ev.Advertiser)
	p.contact, p.call, p.form = read(p.about.raw("contact")), read(p.about.raw("call")), read(p.about.raw("form"))
	p.fields = formFields(p.form.raw("extra_fields"))

	const around = 2 << 10 // the elements and the escapes of a common lead
	p.b = make([]byte, 0, min(len(ev.Lead), maxComments)+around)
	p.b = append(p.b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<?adf version=\"1.0\"?>\n"...)
	p.nest("adf", func() { p.nest("prospect", p.prospect, "status", "new") })
	return Body{ContentType: "application/xml; charset=utf-8", Parts: [...][]byte{p.b, nil, nil}}
}

func (p *prospect) prospect() {
	p.id(p.ev.LeadID)
	p.leaf("requestdate", requestDate(p.ev, p.about, p.advertiser))
	p.nest("vehicle", p.vehicle, "interest", "buy")
	p.nest("customer", p.customer)
	p.nest("vendor", p.vendor)
	p.nest("provider", p.provider)
}

func (p *prospect) id(id string) { p.leaf("id", id, "sequence", "1", "source", p.source) }

func (p *prospect) vehicle() {
	for _, part := range vehicleParts {
		value := find(p.fields, part.names...)
		if value == "" && part.required {
			value = unknown
		}
		p.known(part.element, value)
	}
}

// known writes an element that may be missing, if there is something to say.
func (p *prospect) known(name, text string, attrs ...string) {
	if text != "" {
		p.leaf(name, text, attrs...)
	}
}

func (p *prospect) customer() {
	p.nest("contact", p.person)
	if id := cmp.Or(p.about.text("contact_id"), p.contact.text("id")); id != "" {
		p.id(id)
	}
	p.leaf("comments", p.comments())
}

func (p *prospect) person() {
	p.name()
	email := cmp.Or(p.contact.text("email"), find(p.fields, "email"))
	p.known("email", email)
	numbers := phones(p.contact, p.call)
	for _, n := range numbers {
		p.leaf("phone", n.number, "type", n.reaches, "time", "nopreference")
	}
	if email == "" && len(numbers) == 0 {
		p.leaf("phone", "") // ADF wants one of the two
	}
	p.address()
}

func (p *prospect) name() {
	first, last := p.contact.text("first_name"), p.contact.text("last_name")
	p.known("name", first, "part", "first", "type", "individual")
	p.known("name", last, "part", "last", "type", "individual")
	if first == "" && last == "" {
		full := cmp.Or(p.about.text("display_name"), unknown)
		p.leaf("name", full, "part", "full", "type", "individual")
	}
}

func (p *prospect) address() {
	street, street2 := p.contact.text("address1"), p.contact.text("address2")
	city, state, postal := p.contact.text("city"), p.contact.text("state"), p.contact.text("postal")
	land := country(p.contact.text("country"))
	if street+street2+city+state+postal+land == "" {
		return
	}
	p.nest("address", func() {
		p.leaf("street", street, "line", "1") // the DTD wants it, be it empty
		p.known("street", street2, "line", "2")
		p.known("city", city)
		p.known("regioncode", state)
		p.known("postalcode", postal)
		p.known("country", land)
	})
}

func (p *prospect) vendor() {
	id := cmp.Or(clean(p.ev.AdvertiserID), unknown)
	name := cmp.Or(clean(p.hook.VendorName), p.advertiser.text("name"), id)
	email, number := p.advertiser.text("email"), p.advertiser.text("phone")
	p.id(id)
	p.leaf("vendorname", name)
	p.known("url", p.advertiser.text("url"))
	p.nest("contact", func() {
		p.leaf("name", name, "part", "full", "type", "business")
		p.known("email", email)
		p.known("phone", number)
		if email == "" && number == "" {
			p.leaf("phone", "") // ADF wants one of the two
		}
	})
}

func (p *prospect) provider() {
	p.leaf("name", p.source)
	p.known("service", kindNames[p.ev.Kind])
}
