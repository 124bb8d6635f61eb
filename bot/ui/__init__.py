"""Everything in the form that Discord wants: text, attachments, buttons, modals, responses."""
