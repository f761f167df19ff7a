"""The pages that lead to a login at another site."""

from allauth.socialaccount.providers.github.views import oauth2_login as stock_github_login
from allauth.socialaccount.providers.google.views import oauth2_login as stock_google_login
from csp.decorators import csp_update

from accounts import doors

# A form that is answered by a redirect to another site may be sent only where the policy names that site.
google_login = doors.public(csp_update({"form-action": ["https://accounts.google.com"]})(stock_google_login))
github_login = doors.public(csp_update({"form-action": ["https://github.com"]})(stock_github_login))
