package formats

import (
	"cmp"

	"github.com/leadhook/leadhook/lead"
)

// unknown is the value of a required element for which the lead has no value.
const unknown = "Unknown"

// A prospect is the ADF 1.0 document of a lead, which ADF calls a prospect. The
// order of the elements is mandatory.
type prospect struct {
	xmlWriter

	ev     *lead.Event
	hook   *lead.Webhook
	source string // of the ids: the provider

	about, contact, call, form object // the lead itself (about), and its parts
	fields                     formFields
	advertiser                 object
	phones                     *phones
	unread                     comments // the lead's times that cannot be read
}

func renderADF(ev *lead.Event, hook *lead.Webhook, provider string) Body {
	p := &prospect{ev: ev, hook: hook, source: cmp.Or(clean(hook.ProviderName), clean(provider))}
	p.about, p.advertiser = read(ev.Lead), read(ev.Advertiser)
	p.contact, p.call, p.form = read(p.about.raw("contact")), read(p.about.raw("call")), read(p.about.raw("form"))
	p.fields.read(p.form.raw("extra_fields"))
	p.phones = readPhones(p.contact, p.call, &p.fields)

	const markup = 2 << 10 // enough for the elements and escapes of a common lead
	p.b = make([]byte, 0, min(len(ev.Lead), maxComments)+markup)
	p.b = append(p.b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<?adf version=\"1.0\"?>\n"...)
	p.nest("adf", func() { p.nest("prospect", p.prospect, "status", "new") })
	return Body{ContentType: "application/xml; charset=utf-8", Parts: [...][]byte{p.b, nil, nil}}
}

func (p *prospect) prospect() {
	p.id(p.ev.LeadID)
	p.leaf("requestdate", p.requestDate())
	p.vehicles()
	p.nest("customer", p.customer)
	p.nest("vendor", p.vendor)
	p.nest("provider", p.provider)
}

func (p *prospect) id(id string) { p.leaf("id", id, "sequence", "1", "source", p.source) }

// optional writes an element unless text is empty.
func (p *prospect) optional(name, text string, attrs ...string) {
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
	email := cmp.Or(p.contact.text("email"), p.fields.text(emailAddress))
	p.optional("email", email)
	for _, n := range p.phones.list {
		p.leaf("phone", n.number, "type", n.kind, "time", "nopreference")
	}
	if email == "" && len(p.phones.list) == 0 {
		p.leaf("phone", "") // ADF requires one of the two
	}
	p.address()
}

func (p *prospect) name() {
	first, last := p.contact.text("first_name"), p.contact.text("last_name")
	full := p.about.text("display_name")
	if first == "" && last == "" && full == "" {
		first, last, full = p.fields.text(firstName), p.fields.text(lastName), p.fields.text(fullName)
	}
	p.optional("name", first, "part", "first", "type", "individual")
	p.optional("name", last, "part", "last", "type", "individual")
	if first == "" && last == "" {
		p.leaf("name", cmp.Or(full, unknown), "part", "full", "type", "individual")
	}
}

func (p *prospect) address() {
	street, street2 := p.contact.text("address1"), p.contact.text("address2")
	city, state, postal := p.contact.text("city"), p.contact.text("state"), p.contact.text("postal")
	nation := country(p.contact.text("country"))
	if street+street2+city+state+postal+nation == "" {
		return
	}
	p.nest("address", func() {
		p.leaf("street", street, "line", "1") // required, even if it is empty
		p.optional("street", street2, "line", "2")
		p.optional("city", city)
		p.optional("regioncode", state)
		p.optional("postalcode", postal)
		p.optional("country", nation)
	})
}

func (p *prospect) vendor() {
	id := cmp.Or(clean(p.ev.AdvertiserID), unknown)
	name := cmp.Or(clean(p.hook.VendorName), p.advertiser.text("name"), id)
	email, number := p.advertiser.text("email"), p.advertiser.text("phone")
	p.id(id)
	p.leaf("vendorname", name)
	p.optional("url", p.advertiser.text("url"))
	p.nest("contact", func() {
		p.leaf("name", name, "part", "full", "type", "business")
		p.optional("email", email)
		p.optional("phone", number)
		if email == "" && number == "" {
			p.leaf("phone", "") // ADF requires one of the two
		}
	})
}

func (p *prospect) provider() {
	p.leaf("name", p.source)
	p.optional("service", kindNames[p.ev.Kind])
}
