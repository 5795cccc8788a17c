package gateway

import (
	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// queue is work of one kind, in words.
type queue struct {
	portal.Queue
	Title string
}

// inWords is the name of a kind of work.
func inWords(v *desk.Visit, kind string) string {
	if key := "queue." + kind; v.L.Has(key) {
		return v.L.T(key)
	}
	return kind
}

func queues(v *desk.Visit) error {
	var list []portal.Queue
	if err := v.Get("/queues", nil, &list); err != nil {
		return err
	}
	all := make([]queue, 0, len(list))
	for _, q := range list {
		all = append(all, queue{q, inWords(v, q.Kind)})
	}
	return v.Show("queues", "queues", v.L.T("nav.queues"), all)
}

// jobsPage is what failed of one kind.
type jobsPage struct {
	Title, Kind string
	Jobs        []job
}

type job struct {
	portal.Job
	Why string
}

func jobs(v *desk.Visit) error {
	kind := v.R.PathValue("kind")
	var list []portal.Job
	if err := v.Get(desk.Join("queues", kind, "jobs"), nil, &list); err != nil {
		return err
	}
	page := jobsPage{Title: inWords(v, kind), Kind: kind}
	for _, j := range list {
		one := job{j, j.Error}
		if key := "queue.error." + j.Error; v.L.Has(key) {
			one.Why = v.L.T(key)
		}
		page.Jobs = append(page.Jobs, one)
	}
	return v.Show("jobs", "queues", page.Title, page, ui.Crumb{Label: v.L.T("nav.queues"), Href: "/queues"})
}

func retry(v *desk.Visit) error {
	kind := v.R.PathValue("kind")
	if err := v.Post(desk.Join("queues", kind, "retry"), nil, nil); err != nil {
		return err
	}
	return v.Done(desk.Join("queues", "of", kind), "queue-retried")
}
