package webhooks

import (
	"fmt"
	"strings"

	"github.com/leadhook/leadhook/lead"
)

// WhyNot returns why a webhook would not get an event now. The reason is empty if
// it would.
func WhyNot(ev *lead.Event, hook *lead.Webhook) (reason, text string) {
	decline := hook.Declines(ev)
	switch decline {
	case lead.DeclinesUnknownType:
		text = "no webhook takes leads of this event_type: known are call, chat and form"
	case lead.DeclinesTrigger:
		text = fmt.Sprintf("it takes leads of the trigger %s, this one raised %s", hook.Trigger, ev.Trigger)
	case lead.DeclinesLeadType:
		text = fmt.Sprintf("it takes %s, this lead is of the kind %s", strings.Join(hook.LeadTypes.Names(), " and "), ev.Kind)
	case lead.DeclinesInactive:
		text = "its advertiser has it inactive; since when is not recorded"
	case "":
		return stopped(hook)
	}
	return string(decline), text
}

// stopped returns why an event that a webhook wants would become a dead letter at
// once. The reason is empty if it would not.
func stopped(hook *lead.Webhook) (reason, text string) {
	const dead = "; the lead would become a dead letter"
	switch {
	case hook.Damaged != "":
		return string(lead.WebhookDamaged), hook.Damaged + dead
	case !hook.Disabled.At.IsZero():
		return string(lead.WebhookDisabled), hook.Disabled.String() + dead
	}
	return "", ""
}
