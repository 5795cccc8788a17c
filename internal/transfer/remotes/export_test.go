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
