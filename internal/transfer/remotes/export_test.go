package remotes

import "context"

// Begin visits a remote that was looked at before.
func (s *Service) Begin(ctx context.Context, r *Remote) error {
	place, err := s.places.Wait(ctx, r.place())
	if err != nil {
		return err
	}
	_, err = s.begin(ctx, r, place, "")
	return err
}

// Round begins to visit what is due and there are places for.
func (s *Service) Round(ctx context.Context) error {
	_, err := s.round(ctx)
	return err
}
