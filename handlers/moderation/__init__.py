"""What may be asked for, drawn and shown: findings of moderators, and the policy that weighs them."""
