//go:build browser

package browser_test

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// faintTexts are the texts of a page with less contrast than WCAG 2 demands
// (AA: 4.5 to 1), each with its contrast.
const faintTexts = `(() => {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => channels(color).slice(0, 3)
    .map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    const color = getComputedStyle(element).backgroundColor;
    const clear = channels(color)[3] === 0;
    return clear && element.parentElement ? behind(element.parentElement) : color;
  };
  const faint = [];
  for (const element of document.body.querySelectorAll('*')) {
    const text = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join('');
    if (text === '' || !element.checkVisibility()) continue;
    const [dark, light] = [luminance(getComputedStyle(element).color), luminance(behind(element))].sort((a, b) => a - b);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.5) faint.push(text + ' ' + contrast.toFixed(2));
  }
  return faint;
})()`

func TestThePageIsReadableInTheLightAndInTheDark(t *testing.T) {
	t.Parallel()
	crm := startCRM(t)
	p := openTab(t, crm.URL(), phone)
	post(t, crm.URL()+"/prairie", contact{First: "Maria"})
	p.shows("#leads [data-field=name]", "Maria")
	p.do(chromedp.Click(chromedp.JSPath(button("/prairie", "500"))))
	p.shows("#answers output", "500")
	post(t, crm.URL()+"/prairie", contact{First: "Jo"})
	p.shows("#leads [data-field=answer]", "500")
	seen := map[string]bool{}
	for _, scheme := range []string{"light", "dark"} {
		p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
			_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			return err
		}))
		for _, faint := range eval[[]string](p, faintTexts) {
			t.Errorf("%s: too little contrast: %s", scheme, faint)
		}
		seen[eval[string](p, "getComputedStyle(document.body).backgroundColor")] = true
	}
	if len(seen) != 2 {
		t.Errorf("light and dark have the same background: %v", seen)
	}
}

func TestAnswersChangeByTheKeyboard(t *testing.T) {
	t.Parallel()
	crm := startCRM(t)
	p := openTab(t, crm.URL(), desktop)
	post(t, crm.URL()+"/prairie", contact{})
	p.shows("#answers output", "healthy")
	for eval[string](p, "document.activeElement.textContent") != "401" {
		if eval[string](p, "document.activeElement.tagName") == "SUMMARY" {
			t.Fatal("the keyboard went past the answers")
		}
		p.do(chromedp.KeyEvent("\t"))
	}
	p.do(chromedp.KeyEvent("\r"))
	p.shows("#answers output", "401")
	if focus := eval[string](p, "document.activeElement.textContent"); focus != "401" {
		t.Errorf("afterwards the keyboard is at %q, want still at 401", focus)
	}
	if label := eval[string](p, "document.activeElement.parentElement.getAttribute('aria-label')"); label != "Answer of /prairie" {
		t.Errorf("the answers are labelled %q", label)
	}
}
