package lead_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/lead"
)

// maxSteps is the longest schedule that the settings allow.
const maxSteps = 12

// TestMarksRise follows a delivery through its schedule and its replays.
func TestMarksRise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := lead.History{Replays: rapid.IntRange(0, lead.MaxReplays-1).Draw(t, "replays")}
		record := lead.MarkOf(&h, h.Replays > 0)
		marks := []lead.Mark{lead.MarkOf(&h, false)}
		for h.Step = range rapid.IntRange(0, maxSteps+1).Draw(t, "steps") {
			record = lead.MarkOf(&h, true)
			marks = append(marks, record)
		}
		marks = append(marks, record.Buried())
		h.Replays++
		replay := lead.MarkOf(&h, false)
		h.Step = 0
		marks = append(marks, replay, lead.MarkOf(&h, true), lead.MarkDelivered)
		for i, m := range marks[1:] {
			if m <= marks[i] {
				t.Fatalf("marks %v: number %d is not beyond the one before", marks, i+1)
			}
		}
	})
}

func TestMarksOfTooManyReplaysDoNotOverflow(t *testing.T) {
	for _, h := range []lead.History{
		{Replays: lead.MaxReplays, Step: maxSteps}, {Replays: lead.MaxReplays + 1}, {Replays: 1 << 40, Step: 1 << 40},
	} {
		m := lead.MarkOf(&h, true)
		if m == 0 || m >= lead.MarkDelivered || m.Buried() >= lead.MarkDelivered || m.Buried() <= m {
			t.Errorf("%+v: got mark %d, buried %d, want them below delivered", h, m, m.Buried())
		}
	}
}

func TestFate(t *testing.T) {
	waiting := func(replays, step int) lead.Mark {
		return lead.MarkOf(&lead.History{Replays: replays, Step: step}, true)
	}
	published := lead.MarkOf(&lead.History{Replays: 3}, false)
	for name, c := range map[string]struct {
		mark lead.Mark
		want lead.Fate
	}{
		"nothing known":               {0, lead.FateUnknown},
		"its own mark":                {waiting(2, 9).Buried(), lead.FateDead},
		"its own mark was lost":       {waiting(2, 4), lead.FateDead},
		"the replay is published":     {published, lead.FateUnderWay},
		"the replay was put off":      {waiting(3, 0), lead.FateUnderWay},
		"the replay waits":            {waiting(3, maxSteps), lead.FateUnderWay},
		"the replay is dead":          {waiting(3, 0).Buried(), lead.FateDeadAgain},
		"dead after the longest wait": {waiting(3, maxSteps).Buried(), lead.FateDeadAgain},
		"replayed twice":              {waiting(4, 1), lead.FateUnderWay},
		"delivered":                   {lead.MarkDelivered, lead.FateDelivered},
	} {
		if got := c.mark.Fate(2); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	if got := lead.MarkOf(&lead.History{Replays: lead.MaxReplays}, true).Buried().Fate(lead.MaxReplays); got != lead.FateDead {
		t.Errorf("replayed as often as can be: got %s, want dead", got)
	}
}
